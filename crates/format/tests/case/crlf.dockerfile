from a


run b \
  c  
copy <<E  /x
  d  


	E
E
cmd d