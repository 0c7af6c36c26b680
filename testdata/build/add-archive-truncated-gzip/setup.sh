# sh, run in the prepared context folder
seq 1 20000 > f; tar -czf x.tgz f; rm f; truncate -s 5000 x.tgz
