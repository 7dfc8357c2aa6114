# The image of JASM: one static program, the public certificate authorities, one user; no shell.
#   make image        builds everything here; the base comes from a registry
#   make image-local  builds the same image around a program that was built outside
# The stages stand in this order since the builder of old Docker versions runs every stage before
# the one that is asked for: so it needs no registry for `local`. For the same reason there is no
# RUN --mount and no FROM --platform. Each architecture builds on its own:
#   docker buildx build --platform linux/amd64,linux/arm64 .
# Time zone data is left out: JASM knows no local time, all it writes is in UTC.

# To pin the base beyond its tag, write RUST_IMAGE=rust:…@sha256:…
# The slim one has no make, which jemalloc is built with.
ARG RUST_IMAGE=rust:1.95.0-bookworm

FROM scratch AS base
COPY image/passwd image/group /etc/
ENTRYPOINT ["/jasm"]
CMD ["run"]
# Health and metrics.
EXPOSE 8080
# By number, else the kubelet cannot see that it is not root (runAsNonRoot).
USER 65532:65532
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="JASM" \
      org.opencontainers.image.description="Just Another Secret Manager: annotated pods get their Secrets and ConfigMaps" \
      org.opencontainers.image.source="https://github.com/codnod/jasm" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM base AS local
COPY ca-certificates.crt /etc/ssl/certs/
COPY jasm /

FROM ${RUST_IMAGE} AS build
# It puts the list of all crates and versions into the program, where scanners of images find it.
ARG CARGO_AUDITABLE_VERSION=0.7.7
RUN cargo install --locked --root /usr/local cargo-auditable@${CARGO_AUDITABLE_VERSION}
WORKDIR /src
COPY . .
# Static, with the C library too, so that nothing else is needed; its name service is inside since glibc 2.34.
# The target is named so that build scripts and macros, which cannot be static, are left alone.
# Kernels for arm64 have pages of 4, 16 or 64 KiB: jemalloc runs on no larger ones than it was built for.
RUN target="$(rustc --print host-tuple)" \
    && case "$target" in aarch64-*) export JEMALLOC_SYS_WITH_LG_PAGE=16 ;; esac \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo auditable build --release --locked --target "$target" --bin jasm \
    && mv "target/$target/release/jasm" /jasm

FROM base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /jasm /
