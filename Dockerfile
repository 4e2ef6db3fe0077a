# A small image that works. Put your function where app.py is copied, and your handler into CMD.
#   docker build -t my-function .        podman build -t my-function .
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
# Behind a proxy with its own authority: --secret id=ca,src=FILE --build-arg PIP_CERT=/run/secrets/ca
ARG PIP_CERT=
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY rapid_client ./rapid_client
# What stays on your machine stays out; missing .pyc files would cost 8 ms per start.
RUN --mount=type=secret,id=ca,required=false \
    if [ -z "$PIP_CERT" ]; then unset PIP_CERT; fi \
    && python3 -m pip install --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore --target /var/runtime . \
    && rm -rf /var/runtime/rapid_client/local /var/runtime/bin \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /var/runtime
COPY --chmod=755 bootstrap /var/runtime/bootstrap

FROM ${BASE}
COPY --from=build /var/runtime /var/runtime
ENV LAMBDA_TASK_ROOT=/var/task
WORKDIR /var/task
COPY examples/hello/app.py ./app.py
ENTRYPOINT ["/var/runtime/bootstrap"]
CMD ["app.handler"]
