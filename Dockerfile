# The hub and its broker, for 64-bit x86 and ARM. docs/container.md says how to run them.
#
#   docker build --target broker --tag kwh-hub-broker .
#   docker build --target hub --tag kwh-hub .
#
# Plain Dockerfile syntax on purpose: it builds with every engine since 20.10, with BuildKit or without, and fetches nothing
# but the two bases, Debian's packages and the locked wheels.

FROM debian:bookworm-slim AS broker
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends mosquitto mosquitto-clients \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
COPY docker/mosquitto/mosquitto.conf /etc/mosquitto/kwh-hub.conf
COPY docker/mosquitto/start /usr/local/bin/start-broker
RUN install -d -o 1000 -g 1000 -m 0700 /run/broker
LABEL org.opencontainers.image.title="kWh Hub broker" \
      org.opencontainers.image.description="Mosquitto as the kWh Hub wants it: no strangers, no delay, nothing queued"
# The client reads user and password from a file under this folder, so that they stand on no command line.
ENV XDG_CONFIG_HOME=/run/broker
USER 1000:1000
EXPOSE 1883
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["mosquitto_sub", "-t", "$SYS/broker/uptime", "-C", "1", "-W", "4"]
ENTRYPOINT ["start-broker"]


FROM python:3.11-slim-bookworm AS builder
# The trust store of the base rather than pip's own: a base with the certificates of a company's network works as well.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_REQUIRE_VIRTUALENV=1
WORKDIR /build
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends binutils
# pip lives in an environment of its own and installs into the hub's, which so never holds it.
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/kwh-hub
COPY requirements-build.lock requirements.lock ./
RUN tools/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements-build.lock \
 && tools/bin/pip --python /opt/kwh-hub/bin/python install --quiet --require-hashes --only-binary :all: -r requirements.lock
COPY docker/trim ./
RUN ./trim /opt/kwh-hub
COPY pyproject.toml README.md LICENSE ./
COPY agent agent
COPY device_profiles device_profiles
RUN tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels . \
 && tools/bin/pip --python /opt/kwh-hub/bin/python install --quiet --no-deps wheels/*.whl


FROM python:3.11-slim-bookworm AS hub
LABEL org.opencontainers.image.title="kWh Hub" \
      org.opencontainers.image.description="Plans the day around day-ahead prices and weather, switches the loads, keeps the comfort" \
      org.opencontainers.image.licenses="GPL-3.0-or-later"
# Owned before VOLUME, or a fresh volume would be root's.
RUN install -d -o 1000 -g 1000 -m 0750 /data /run/kwh-hub && install -d /etc/kwh-hub
COPY --from=builder /opt/kwh-hub /opt/kwh-hub
# The byte code was compiled with the packages and nobody here may write it. The planner's matrices are small: threads of
# OpenBLAS would only take memory.
ENV PATH=/opt/kwh-hub/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    KWH_HUB_STORAGE__FOLDER=/data \
    KWH_HUB_HEALTH__HEARTBEAT_FILE=/run/kwh-hub/heartbeat.json
USER 1000:1000
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# Fails when the control loop completes no steps any more, whatever else of the process may still be alive.
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=2 \
    CMD ["python", "-m", "agent.heartbeat", "/run/kwh-hub/heartbeat.json"]
ENTRYPOINT ["kwh-hub"]
CMD ["run", "--config", "/etc/kwh-hub/home.toml"]
