# docker build .                       the producer alone: the last stage
# docker build --target simulator .    the ECS simulator alone, which docker-compose.yml runs beside it
# With --build-arg COMMIT="$(git rev-parse --short=12 HEAD)" the program knows its commit (--version), and the image too.
# Both architectures: docker buildx build --platform linux/amd64,linux/arm64 .
FROM rust:1.95-slim-bookworm AS licenses
RUN cargo install --locked --features cli cargo-about@0.9.3
WORKDIR /build
COPY LICENSE Cargo.toml Cargo.lock deny.toml ./
COPY tests/ecs_sim/Cargo.toml tests/ecs_sim/
COPY tests/kit/Cargo.toml tests/kit/
COPY licenses licenses
# Manifests want a file each. With those of the program, every change of it would have the texts collected again, which takes minutes.
RUN mkdir src tests/ecs_sim/src tests/kit/src && touch src/lib.rs tests/ecs_sim/src/lib.rs tests/kit/src/lib.rs
RUN --mount=type=cache,sharing=locked,target=/usr/local/cargo/registry licenses/collect /licenses

FROM rust:1.95-slim-bookworm AS build
ARG TARGETARCH
# librdkafka, OpenSSL and jemalloc are built from source.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc g++ make perl && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
COPY tests tests
COPY examples examples
COPY benches benches
ARG COMMIT
# Caches outlive the layer, so that a change of the sources does not build every dependency again.
# Kernels for arm64 have pages of 4, 16 or 64 KiB. jemalloc works with all up to the size that it is built for.
RUN --mount=type=cache,sharing=locked,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    if [ "$TARGETARCH" = arm64 ]; then export JEMALLOC_SYS_WITH_LG_PAGE=16; fi && \
    cargo build --release --locked --bins --features jemalloc,vendored-openssl && \
    cp target/release/ecs-sdm-producer target/release/ecs_sim /usr/local/bin/

FROM gcr.io/distroless/cc-debian12:nonroot AS simulator
COPY --from=build /usr/local/bin/ecs_sim /usr/local/bin/
COPY --from=licenses /licenses/simulator /licenses
ENTRYPOINT ["/usr/local/bin/ecs_sim"]
CMD ["--listen=0.0.0.0:4566"]

FROM gcr.io/distroless/cc-debian12:nonroot AS producer
COPY --from=build /usr/local/bin/ecs-sdm-producer /usr/local/bin/
COPY --from=licenses /licenses/producer /licenses
# Its number, because Kubernetes cannot tell from a name whether a user is root (runAsNonRoot). The program writes no files: the root may be
# read-only.
USER 65532:65532
# No HEALTHCHECK: Amazon ECS and Kubernetes ignore it, and `sync` has no health server. config/examples has the checks of each.
ARG VERSION=0.1.0
ARG COMMIT
LABEL org.opencontainers.image.title="ecs-sdm-producer" \
      org.opencontainers.image.description="Streams the Amazon ECS inventory of one or many AWS accounts to Kafka as Avro records" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
ENTRYPOINT ["/usr/local/bin/ecs-sdm-producer"]
CMD ["run"]
