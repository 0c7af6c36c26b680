FROM alpine:3
ENV a=1 \
  b=2 \
        c="3 \
  3"\
  d=4
COPY --chown=1:1 \
a \
  b \
      /c/
RUN --mount=type=cache,target=/x   \
  --network=none\
  if a; then \
      b; \
  fi
RUN a && b \
              c \
              d
RUN a; \
	b \
		c \
    d
RUN a \
&& b \
  && c
