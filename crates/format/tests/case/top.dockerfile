

# a comment
FROM a