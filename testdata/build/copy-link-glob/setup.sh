# sh, run in the prepared context folder
ln -s ../f sub/l1; ln -s f2 sub/l2; ln -s ../t sub/l3
