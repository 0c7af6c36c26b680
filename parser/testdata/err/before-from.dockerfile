ARG a
RUN a
ENV b=c
FROM scratch
