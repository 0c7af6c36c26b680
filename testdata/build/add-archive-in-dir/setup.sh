# sh, run in the prepared context folder
mkdir d; echo m > m; touch -d @1400000000 m; tar --owner=0 --group=0 -cf d/x.tar m; rm m; touch -d @1577934245 d/x.tar
