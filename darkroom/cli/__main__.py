"""`python -m darkroom.cli`: the `darkroom` command of exactly this interpreter, for child processes."""

from darkroom.cli import main

if __name__ == "__main__":
    main()
