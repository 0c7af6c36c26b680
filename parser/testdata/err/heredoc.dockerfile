FROM scratch
COPY a <<E
E
RUN <<-EOF cat
 EOF
