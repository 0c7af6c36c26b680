

# syntax=docker/dockerfile:1



FROM a  


  # indented  
#

 	
  RUN b \  

  # in it	

   c  \
    \
  \
   d


# last


