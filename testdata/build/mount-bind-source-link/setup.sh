# sh, run in the prepared context folder
ln -s f.txt lf; ln -s sub ld
