# sh, run in the prepared context folder
head -c 3000 /dev/urandom > f; tar -cf x.tar f; rm f; truncate -s 1500 x.tar
