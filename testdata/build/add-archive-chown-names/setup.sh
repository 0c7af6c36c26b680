# sh, run in the prepared context folder
echo m > m; mkdir d; touch -d @1400000000 m d; tar --owner=9 --group=9 -cf x.tar m d; rm -r m d
