# The benchmark: `make bench` measures Graft beside its peers and writes the page in docs/.
EXTRA_DIST += \
    %D%/README.md \
    %D%/machine.py \
    %D%/measures.py \
    %D%/peak.c \
    %D%/peer.py \
    %D%/peer_engines.py \
    %D%/peer_keras.py \
    %D%/peer_torch.py \
    %D%/report.py \
    %D%/run.py \
    %D%/systems.py \
    %D%/torch_nets.py

# BENCH="--quick --page quick.md": options of run.py
.PHONY: bench
bench: graftc$(EXEEXT) libgrt.a
	@GRAFTC='$(abs_top_builddir)/graftc$(EXEEXT)' GRAFT_RUNTIME='$(abs_top_builddir)' \
	    CC='$(CC)' PYTHONDONTWRITEBYTECODE=1 python3 '$(abs_top_srcdir)/benchmarks/run.py' \
	    --page '$(abs_top_srcdir)/docs/benchmarks.md' $(BENCH)
