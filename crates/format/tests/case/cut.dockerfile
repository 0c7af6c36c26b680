FROM a
\
  CMD b
C\
MD  c
