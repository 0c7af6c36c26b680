FROM scratch
HEALTHCHECK
HEALTHCHECK NONE x
HEALTHCHECK CMD
HEALTHCHECK CMD []
HEALTHCHECK curl x
HEALTHCHECK --interval=x --timeout=1us --start-period=-1s --start-interval=5 --retries=-1 CMD x
HEALTHCHECK --retries=x --interval=100000000h CMD x
