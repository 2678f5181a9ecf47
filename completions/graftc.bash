# graftc.bash - completion of graftc for bash; printed by `graftc docs graftc.bash`.

_graftc_words() {
    COMPREPLY=($(compgen -W "$1" -- "$cur"))
}

# Files, or with a pattern those of a kind, and folders.
_graftc_files() {
    local IFS=$'\n'
    compopt -o filenames 2> /dev/null
    if [ $# -eq 0 ]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    else
        COMPREPLY=($(compgen -d -- "$cur") $(compgen -f -X "!$1" -- "$cur"))
    fi
}

_graftc_commands='init build run check resolve summary plan diff compare plot emit explain schema docs backbones layers weights git-setup git-diff git-text git-merge help --help --version'

# Values of a key.
_graftc_value() {
    case $1 in
    data.format) _graftc_words 'image_folder cifar10 npy' ;;
    data.on_error) _graftc_words 'stop skip' ;;
    input.preprocessing) _graftc_words 'rescale tf caffe torch none' ;;
    backbone.name) _graftc_words 'InceptionV3 ResNet50 VGG16' ;;
    backbone.frozen) _graftc_words 'all none' ;;
    backbone.precision) _graftc_words 'float32 bfloat16' ;;
    training.loss) _graftc_words 'categorical_crossentropy sparse_categorical_crossentropy' ;;
    training.metrics) _graftc_words 'accuracy' ;;
    training.optimizer) _graftc_words 'Adam SGD' ;;
    training.optimizer.SGD.nesterov) _graftc_words 'true false' ;;
    training.shuffle) _graftc_words 'true false' ;;
    esac
}

# The argument of an option; false when it takes none.
_graftc_argument() {
    case $1 in
    -o | --output) _graftc_files ;;
    --set) compopt -o nospace 2> /dev/null
        _graftc_words 'graft name data data.format data.train data.test data.on_error input input.shape input.preprocessing upsampling backbone backbone.name backbone.weights backbone.weights.file backbone.weights.allow_missing backbone.weights.rename backbone.slice backbone.frozen backbone.frozen.freeze backbone.frozen.unfreeze backbone.frozen.freeze_until backbone.frozen.unfreeze_from backbone.frozen.unfreeze_last backbone.precision head weights weights.file weights.allow_missing weights.rename training training.loss training.metrics training.optimizer training.optimizer.Adam training.optimizer.Adam.learning_rate training.optimizer.Adam.beta_1 training.optimizer.Adam.beta_2 training.optimizer.Adam.epsilon training.optimizer.SGD training.optimizer.SGD.learning_rate training.optimizer.SGD.momentum training.optimizer.SGD.nesterov training.batch_size training.validation_batch_size training.epochs training.shuffle training.seed target target.cpu' ;;
    --target) _graftc_words 'native x86-64-v3 x86-64-v4' ;;
    --kind) _graftc_words 'tree spec graph plan kernels c llvm llvm-opt asm obj' ;;
    --format) _graftc_words 'dot svg png' ;;
    --for) _graftc_files '*.yaml' ;;
    --memory-limit) : ;;
    --color) _graftc_words 'auto always never' ;;
    *) return 1 ;;
    esac
}

# Whether an option takes an argument.
_graftc_takes() {
    case $1 in
    -o | --output | --set | --target | --kind | --format | --for | --memory-limit | --color) return 0 ;;
    *) return 1 ;;
    esac
}

# Options of a command.
_graftc_options() {
    case $1 in
    init) _graftc_words '--output --color --help' ;;
    build) _graftc_words '--output --set --target --strict --no-notes --no-weights --memory-limit --verbose --color --help' ;;
    run) _graftc_words '--set --target --strict --no-notes --no-weights --memory-limit --verbose --color --help' ;;
    check) _graftc_words '--output --set --json --sarif --strict --no-notes --weights --memory-limit --color --help' ;;
    resolve) _graftc_words '--output --set --origin --color --help' ;;
    summary) _graftc_words '--set --json --strict --no-notes --color --help' ;;
    plan) _graftc_words '--output --set --target --json --strict --no-notes --memory-limit --verbose --color --help' ;;
    diff) _graftc_words '--output --set --target --json --md --color --help' ;;
    compare) _graftc_words '--output --set --target --json --md --color --help' ;;
    plot) _graftc_words '--output --set --format --full --strict --no-notes --color --help' ;;
    emit) _graftc_words '--output --set --target --kind --strict --no-notes --verbose --color --help' ;;
    explain) _graftc_words '--color --help' ;;
    schema) _graftc_words '--output --color --help' ;;
    docs) _graftc_words '--output --color --help' ;;
    backbones) _graftc_words '--color --help' ;;
    layers) _graftc_words '--color --help' ;;
    weights) _graftc_words '--set --for --color --help' ;;
    git-setup) _graftc_words '--remove --color --help' ;;
    git-diff) _graftc_words '--color --help' ;;
    git-text) _graftc_words '--color --help' ;;
    git-merge) _graftc_words '--color --help' ;;
    esac
}

# A command's word, counted from 0.
_graftc_word() {
    case $1 in
    'help 0') _graftc_words "$_graftc_commands" ;;
    'init 0') _graftc_words 'InceptionV3 ResNet50 VGG16' ;;
    'init 1') : ;;
    'build 0') _graftc_files '*.yaml' ;;
    'run 0') _graftc_files '*.yaml' ;;
    'check '*) _graftc_files '*.yaml' ;;
    'resolve 0') _graftc_files '*.yaml' ;;
    'summary 0') _graftc_files '*.yaml' ;;
    'plan 0') _graftc_files '*.yaml' ;;
    'diff 0') : ;;
    'diff 1') : ;;
    'compare '*) : ;;
    'plot 0') _graftc_files '*.yaml' ;;
    'emit 0') _graftc_files '*.yaml' ;;
    'explain 0') _graftc_words 'graft extends name data data.format data.train data.test data.on_error input input.shape input.preprocessing upsampling backbone backbone.name backbone.weights backbone.weights.file backbone.weights.allow_missing backbone.weights.rename backbone.slice backbone.frozen backbone.frozen.freeze backbone.frozen.unfreeze backbone.frozen.freeze_until backbone.frozen.unfreeze_from backbone.frozen.unfreeze_last backbone.precision head weights weights.file weights.allow_missing weights.rename training training.loss training.metrics training.optimizer training.optimizer.Adam training.optimizer.Adam.learning_rate training.optimizer.Adam.beta_1 training.optimizer.Adam.beta_2 training.optimizer.Adam.epsilon training.optimizer.SGD training.optimizer.SGD.learning_rate training.optimizer.SGD.momentum training.optimizer.SGD.nesterov training.batch_size training.validation_batch_size training.epochs training.shuffle training.seed target target.cpu Conv2D BatchNormalization ZeroPadding2D MaxPooling2D AveragePooling2D GlobalAveragePooling2D GlobalMaxPooling2D Add Concatenate Activation ReLU UpSampling2D Flatten Dense Dropout yaml-syntax yaml-bytes yaml-size yaml-depth yaml-documents yaml-alias yaml-anchor yaml-tag yaml-merge yaml-key empty-file too-long extends-file extends-cycle extends-depth set-path unknown-key duplicate-key missing-key wrong-type out-of-range bad-word bad-value bad-name empty-list duplicate-name unknown-layer unknown-argument missing-argument layer-entry layer-place layer-name layer-input layer-inputs shape-too-small shape-too-large head-output loss-activation unknown-backbone backbone-file unknown-name unmatched-rule unknown-input unknown-parameter missing-parameter block-parameter block-name recursive-block too-many-layers weights-nothing weights-missing weights-names rename-nothing weights-shape weights-not-finite allow-missing target-cpu unused-block rule-without-effect class-count memory-limit slice-in-block preprocessing hidden-softmax learning-rate' ;;
    'docs 0') _graftc_words 'language.md graft-spec.5 graftc.1 graftc.bash _graftc graft.dict' ;;
    'layers 0') _graftc_words 'InceptionV3 ResNet50 VGG16' ;;
    'layers 1') : ;;
    'weights 0') _graftc_words 'inspect' ;;
    'weights 1') _graftc_files ;;
    'git-diff 0') : ;;
    'git-diff 1') : ;;
    'git-diff 2') : ;;
    'git-diff 3') : ;;
    'git-diff 4') : ;;
    'git-diff 5') : ;;
    'git-diff 6') : ;;
    'git-text 0') _graftc_files ;;
    'git-merge 0') : ;;
    'git-merge 1') : ;;
    'git-merge 2') : ;;
    'git-merge 3') : ;;
    'git-merge 4') : ;;
    esac
}

_graftc() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} value=
    local command=${COMP_WORDS[1]} n=0 i
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        _graftc_words "$_graftc_commands"
        return
    fi
    # --option=value, and --set key=value, come in parts
    if [ "$cur" = = ]; then
        cur=
    elif [ "$prev" = = ]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    else
        value=no
    fi
    if [ -z "$value" ] && [ "${prev#-}" = "$prev" ]; then
        _graftc_value "$prev"
        return
    fi
    _graftc_argument "$prev" && return
    case $cur in
    -*)
        _graftc_options "$command"
        return
        ;;
    esac
    # how many words stand before this one that are neither options nor their arguments
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) return ;;
        -*)
            if [ "${COMP_WORDS[i + 1]}" = = ]; then
                ((i += 2))
            elif _graftc_takes "${COMP_WORDS[i]}"; then
                ((i++))
            fi
            ;;
        =) ((i++)) ;;
        *) ((n++)) ;;
        esac
    done
    _graftc_word "$command $n"
}

complete -F _graftc graftc
