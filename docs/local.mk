# Pages of reference and completions, printed by `graftc docs` from the compiler's tables and kept, so
# that they are there without a compiler; tests/drift.tap compares, `make update-golden` writes anew.
# benchmarks.md is what `make bench` writes.
dist_doc_DATA = %D%/benchmarks.md %D%/language.md
dist_man_MANS = man/graftc.1 man/graft-spec.5
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = completions/graftc.bash
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = completions/_graftc
