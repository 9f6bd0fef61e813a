module worldclock

go 1.24
