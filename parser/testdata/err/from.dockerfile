FROM
FROM a b
FROM a as
FROM a like b
FROM a AS b c
FROM a AS 1st
FROM a AS x/y
FROM a AS -
