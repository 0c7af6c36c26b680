FROM --plattform=x scratch
RUN --mount --network=nome --security=sandbox --secret=x a
COPY --from=a --from=b --link=maybe --link= --user=1 --chown a b
CMD --flag x
ARG --flag a
ADD --form a b
