FROM scratch
RUN <<EOF
echo "$a"
  # content

EOF
COPY <<-'one' <<"two" three /d/
	first
		$x
	one
second
two
ADD <<a.txt /
a.txt
RUN cat 3<<A <<B > f
# a
A
b
B
ONBUILD COPY <<X /x
x
X
RUN [ "$((1<<2))" = '<<EOF' ]
RUN echo "it's <<EOF"
RUN ["cat", "<<EOF"]
COPY << EOF /spaced
text
EOF
