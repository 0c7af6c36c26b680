from a
run   <<E1  <<-"E2"  cat
  a  

	b \
E1
	c
	E2


copy <<a <<b \
  /x/
# no comment
a

b
add <<"c d" /x
 x
c d
onbuild copy <<e  /y
 z
e
