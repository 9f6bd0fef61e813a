syntax on
set number ruler mouse= expandtab shiftwidth=2 softtabstop=2
autocmd FileType make setlocal noexpandtab
autocmd FileType python setlocal shiftwidth=4 softtabstop=4
