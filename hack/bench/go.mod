module jasm.codnod.io/bench

go 1.26
