FROM scratch
COPY
COPY a
ADD ["a"]
