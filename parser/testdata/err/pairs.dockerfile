FROM scratch
ENV
ENV PATH
ENV a=b c
ENV =b
ENV a=b = c=d
LABEL
LABEL a
LABEL a=b c d="e f"
ARG
ARG =x ok
