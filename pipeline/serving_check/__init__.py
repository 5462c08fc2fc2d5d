"""The serving check: a blessed model is loaded by a model server and asked, before anything is pushed."""
