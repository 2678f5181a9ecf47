# the Graph and the backbones
libgraft_a_SOURCES += \
    %D%/backbone.c \
    %D%/backbone_blocks.c \
    %D%/backbone_expand.c \
    %D%/backbone_expand.h \
    %D%/backbone_subst.c \
    %D%/backbone_subst.h \
    %D%/embedded.h \
    %D%/graph.h \
    %D%/graph_advice.c \
    %D%/graph_advice.h \
    %D%/graph_build.c \
    %D%/graph_cost.c \
    %D%/graph_dot.c \
    %D%/graph_freeze.c \
    %D%/graph_freeze.h \
    %D%/graph_limits.c \
    %D%/graph_limits.h \
    %D%/graph_plot.c \
    %D%/graph_plot.h \
    %D%/graph_print.c \
    %D%/graph_slice.c \
    %D%/graph_slice.h \
    %D%/graph_summary.c \
    %D%/graph_summary.h \
    %D%/graph_verify.c
nodist_libgraft_a_SOURCES += %D%/embedded.c
CLEANFILES += %D%/embedded.c
EXTRA_DIST += %D%/embed.sh

%D%/embedded.c: %D%/embed.sh $(backbones)
	$(AM_V_at)$(MKDIR_P) %D%
	$(AM_V_GEN)set --; \
	for name in $(backbones); do set -- "$$@" "$(srcdir)/$$name"; done; \
	$(SHELL) $(srcdir)/%D%/embed.sh "$$@" > $@.tmp && mv $@.tmp $@
