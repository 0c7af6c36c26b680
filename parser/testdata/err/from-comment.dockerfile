FROM a # the base
FROM b AS c # d
FROM c AS d e
FROM a SA b
