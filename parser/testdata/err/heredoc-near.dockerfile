FROM a
COPY a <<EOF
x
 EOF 
