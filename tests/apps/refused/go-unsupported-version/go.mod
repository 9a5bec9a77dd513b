module x

go 1.99
