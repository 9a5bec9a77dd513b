module example.org/team/blog/v2

go 1.19

require example.org/greeting v1.2.0
