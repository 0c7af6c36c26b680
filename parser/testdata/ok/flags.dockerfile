FROM --platform=linux/amd64 scratch AS Base.1_a-b
RUN --mount=type=bind,"target=/a b" --network=none --security="insecure" -- --not-a-flag
COPY --link --parents=true --exclude=a --exclude='b c' --chown=1:2 a b
ADD --keep-git-dir=FALSE --checksum=sha256:00 \
    --unpack  a b
HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD curl -f localhost
HEALTHCHECK none
