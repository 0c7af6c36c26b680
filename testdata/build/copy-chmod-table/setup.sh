# sh, run in the prepared context folder
mkdir -p d/s; echo 1 > d/plain; echo 2 > d/run; echo 3 > d/special; chmod 640 d/plain; chmod 754 d/run; chmod 6511 d/special; chmod 3710 d/s
