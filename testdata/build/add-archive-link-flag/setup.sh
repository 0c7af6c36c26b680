# sh, run in the prepared context folder
echo m > m; touch -d @1400000000 m; tar --owner=5 --group=6 -cf x.tar m; rm m
