# The quickstart: a program that draws its pictures, and the target that runs it.
noinst_PROGRAMS += %D%/quickstart/draw
%C%_quickstart_draw_SOURCES = %D%/quickstart/draw.c
%C%_quickstart_draw_CPPFLAGS = $(AM_CPPFLAGS) $(IMAGE_CFLAGS)
%C%_quickstart_draw_LDADD = $(IMAGE_LIBS) -lm
EXTRA_DIST += \
    %D%/quickstart/README.md \
    %D%/quickstart/backbone.safetensors \
    %D%/quickstart/backbone.yaml \
    %D%/quickstart/pretrain.graft.yaml \
    %D%/quickstart/quickstart.graft.yaml \
    %D%/quickstart/run.sh

# QUICKSTART="--data DIR": pictures of one's own
.PHONY: quickstart
quickstart: graftc$(EXEEXT) libgrt.a %D%/quickstart/draw$(EXEEXT)
	@GRAFTC='$(abs_top_builddir)/graftc' DRAW='$(abs_builddir)/examples/quickstart/draw' \
	    $(SHELL) '$(abs_top_srcdir)/examples/quickstart/run.sh' $(QUICKSTART)
