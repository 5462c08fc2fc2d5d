# Three images from one file: docker build --target gateway|model-server|pipeline .
#
#   gateway       what clients talk to; holds no TensorFlow, only its 712 KB of proto modules
#   model-server  serves SavedModels over TF Serving's protocol, where the tensorflow/serving image is not wanted; also
#                 the whole of `darkroom serve` with the embedded model server
#   pipeline      runs the TFX pipeline, and starts it in Kubeflow; with --build-arg ACCELERATOR=cuda on NVIDIA GPUs

# Any Debian image of release 12 with Python 3.11 and venv will do; k8s/try_images.sh makes one locally.
ARG BASE_IMAGE=python:3.11.13-slim-bookworm
# The server that `pipeline` loads each model into before it is pushed: the one that k8s/base serves with.
ARG TENSORFLOW_SERVING_IMAGE=tensorflow/serving:2.19.1

FROM ${TENSORFLOW_SERVING_IMAGE} AS tensorflow-serving

FROM ${BASE_IMAGE} AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/darkroom/.venv/bin:$PATH
# A number, so that Kubernetes can see that it is not root.
RUN useradd --uid 10001 --create-home darkroom
WORKDIR /home/darkroom
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Darkroom" \
      org.opencontainers.image.description="A training-and-serving pipeline for image models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM base AS builder
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9
WORKDIR /opt/darkroom
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY compat compat

# What the gateway needs of TensorFlow's wheel.
FROM builder AS tensorflow-protos
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN /opt/uv/bin/uv export --frozen --no-dev --extra serving --no-emit-project --no-hashes \
        | grep '^tensorflow==' > /tmp/tensorflow.txt \
    && /opt/uv/bin/uv pip install --no-cache --no-deps --target /opt/tensorflow -r /tmp/tensorflow.txt
WORKDIR /opt/tensorflow
RUN mkdir /opt/protos && find tensorflow -name '*_pb2.py' -exec cp --parents -t /opt/protos {} +

# Dependencies first: a change of the code does not fetch them again. rich takes the next two for code and Markdown, of
# which Darkroom prints none; pycparser is for those who build what cryptography brings built.
FROM builder AS gateway-environment
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN /opt/uv/bin/uv venv .venv \
    && /opt/uv/bin/uv export --frozen --no-dev --extra serving --extra tracing --no-emit-project \
        --prune tensorflow --prune pygments --prune markdown-it-py --prune pycparser -o /tmp/gateway.txt \
    && /opt/uv/bin/uv pip install --no-cache --no-deps -r /tmp/gateway.txt
COPY --from=tensorflow-protos /opt/protos/tensorflow .venv/lib/python3.11/site-packages/tensorflow
COPY darkroom darkroom
COPY pipeline pipeline
COPY preprocessing preprocessing
COPY serving serving
COPY k8s/slim_environment.py /tmp/
# The proto modules were copied, so nobody has compiled them yet.
RUN /opt/uv/bin/uv pip install --no-cache --no-deps . \
    && .venv/bin/python -m compileall -q .venv/lib/python3.11/site-packages/tensorflow \
    && python3 /tmp/slim_environment.py .venv/lib/python3.11/site-packages

FROM base AS gateway
COPY --from=gateway-environment /opt/darkroom/.venv /opt/darkroom/.venv
USER 10001
EXPOSE 8080 9000
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
ENTRYPOINT ["darkroom", "serve", "--host", "0.0.0.0"]
CMD ["--help"]

FROM builder AS model-server-environment
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-cache --extra serving --no-install-project
COPY darkroom darkroom
COPY pipeline pipeline
COPY preprocessing preprocessing
COPY serving serving
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-cache --extra serving --no-editable

FROM base AS model-server
COPY --from=model-server-environment /opt/darkroom/.venv /opt/darkroom/.venv
USER 10001
EXPOSE 8500 8501
# It listens before a model is loaded: whether one answers is what the gateway's /readyz says.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 8500), timeout=2).close()"]
ENTRYPOINT ["darkroom", "model-server", "--host", "0.0.0.0"]
CMD ["--model-base-path", "/models"]

FROM builder AS pipeline-environment
# cpu, or cuda: with NVIDIA's libraries, several gigabytes of them; the driver is the node's.
ARG ACCELERATOR=cpu
RUN case "${ACCELERATOR}" in \
        cpu) echo > /tmp/extras ;; \
        cuda) echo --extra cuda > /tmp/extras ;; \
        *) echo "ACCELERATOR is ${ACCELERATOR}; it may be cpu or cuda" >&2; exit 1 ;; \
    esac \
    && xargs -a /tmp/extras /opt/uv/bin/uv sync --frozen --no-dev --no-cache --extra pipeline --extra serving \
        --extra tracing --extra kubeflow --no-install-project
COPY darkroom darkroom
COPY pipeline pipeline
COPY preprocessing preprocessing
COPY serving serving
RUN xargs -a /tmp/extras /opt/uv/bin/uv sync --frozen --no-dev --no-cache --extra pipeline --extra serving \
        --extra tracing --extra kubeflow --no-editable

FROM base AS pipeline
COPY --from=tensorflow-serving /usr/bin/tensorflow_model_server /usr/local/bin/
COPY --from=pipeline-environment /opt/darkroom/.venv /opt/darkroom/.venv
USER 10001
# It runs on this base: a library that it misses is found here, and not by the first run.
RUN tensorflow_model_server --version
# A job that ends: its exit code says how it went.
HEALTHCHECK NONE
ENTRYPOINT ["darkroom"]
CMD ["run", "--config", "darkroom.yaml"]
