# sh, run in the prepared context folder
ln -s ../../../../etc/motd l
