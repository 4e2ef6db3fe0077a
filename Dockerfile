# The base image for functions: FROM it, COPY your code, CMD your handler. `rapid layer build --tree` makes what it copies.
#
#   rapid layer build --runtime provided.al2023 --arch x86_64 --python 3.13 --out dist --tree
#   docker build --platform linux/amd64 -t rapid .     Amazon Linux 2023 with our Python: certificates and emulator are in it
#   docker build --platform linux/amd64 -t rapid --build-arg BASE=docker.io/library/debian:trixie-slim .     the smallest; any Linux with glibc will do
#   docker build --platform linux/amd64 -t rapid:build --target build .     the same with pip and uv, for the first stage of your Dockerfile
#
#   rapid layer build --runtime python3.13 --arch x86_64 --out dist --tree
#   docker build --platform linux/amd64 -t rapid --target managed .     AWS's image, whose Python AWS patches; managed-build has uv beside pip
#
# For arm64: --arch arm64 there; here --platform linux/arm64 --build-arg ARCH=arm64. `podman build` does the same.

ARG BASE=public.ecr.aws/lambda/provided:al2023
ARG PYTHON=3.13
ARG ARCH=x86_64
# The folder with the trees, and for which of the OS-only runtimes the layer was built: that decides how old a glibc may be.
ARG LAYERS=dist
ARG RUNTIME=provided.al2023
# Where the build target's pip and uv come from: any image with this Python and pip.
ARG TOOLS=docker.io/library/python:${PYTHON}-slim
ARG MANAGED=public.ecr.aws/lambda/python:${PYTHON}

FROM ${TOOLS} AS tools
ARG PYTHON
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
        --python-version "$PYTHON" --only-binary=:all: --target /tools/site-packages pip uv \
    && mkdir /tools/bin \
    && mv /tools/site-packages/bin/uv /tools/bin/uv \
    && rm -r /tools/site-packages/bin /tools/site-packages/uv* \
    && printf '#!/opt/rapid/bin/python3\nimport sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n' >/tools/bin/pip \
    && chmod 755 /tools/bin/pip

FROM ${BASE} AS provided
ARG LAYERS
ARG RUNTIME
ARG PYTHON
ARG ARCH
COPY ${LAYERS}/rapid-${RUNTIME}-python${PYTHON}-${ARCH}/ /opt/
COPY ${LAYERS}/rapid-${RUNTIME}-python${PYTHON}-${ARCH}/rapid/lambda-entrypoint.sh /lambda-entrypoint.sh
# As the official images have them, but for what a Debian lacks: no locale en_US, no library folder but the linker's own.
ENV LANG=C.UTF-8 \
    TZ=:UTC \
    PATH=/opt/rapid/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin \
    LD_LIBRARY_PATH=/var/task:/var/task/lib:/opt/lib \
    LAMBDA_TASK_ROOT=/var/task \
    LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]

FROM provided AS build
ARG PYTHON
ENV PIP_ROOT_USER_ACTION=ignore
COPY --from=tools /tools/bin/ /usr/local/bin/
COPY --from=tools /tools/site-packages/ /opt/rapid/lib/python${PYTHON}/site-packages/

FROM ${MANAGED} AS managed
ARG LAYERS
ARG PYTHON
ARG ARCH
COPY ${LAYERS}/rapid-python${PYTHON}-${ARCH}/ /opt/
# AWS's own /lambda-entrypoint.sh starts AWS's /var/runtime/bootstrap, which hands over to this.
ENV AWS_LAMBDA_EXEC_WRAPPER=/opt/rapid-wrapper

FROM managed AS managed-build
# pip is in AWS's image already.
COPY --from=tools /tools/bin/uv /usr/local/bin/uv

FROM provided AS runtime
