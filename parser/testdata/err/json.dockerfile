FROM scratch
CMD ["a", 1, [2]]
COPY [null, "b"] 
VOLUME [{"a": ["b"]}]
HEALTHCHECK CMD [true]
