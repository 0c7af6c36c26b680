# sh, run in the prepared context folder
mkdir ../one; ln -s ../context/a.txt ../one/l
