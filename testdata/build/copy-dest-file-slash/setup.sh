# sh, run in the prepared context folder
mkdir -p d/s d/empty e; echo 1 > d/one; echo 2 > d/two.txt; echo 3 > d/s/three; echo a > a.txt; echo b > b.md
ln -s d link; ln -s a.txt flink; chmod 700 d; chmod 711 d/s
