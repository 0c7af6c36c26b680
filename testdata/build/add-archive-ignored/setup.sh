# sh, run in the prepared context folder
echo m > m; tar -cf x.tar m
