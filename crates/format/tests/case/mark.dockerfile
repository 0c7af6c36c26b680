

FROM a
