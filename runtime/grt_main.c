/* grt_main.c - main() of every compiled experiment. */
#include "runtime/grt_int.h"

int main(int argc, char **argv)
{
    static int (*const commands[GRT_N_COMMANDS])(GrtRun *, const GrtOptions *) = {
        [GRT_TRAIN_COMMAND] = grt_command_train,     [GRT_EVALUATE_COMMAND] = grt_command_evaluate,
        [GRT_PREDICT_COMMAND] = grt_command_predict, [GRT_FEATURES_COMMAND] = grt_command_features,
        [GRT_BENCH_COMMAND] = grt_command_bench,     [GRT_EXPORT_COMMAND] = grt_command_export,
    };
    GrtOptions options;
    GrtCommand command = grt_options_parse(&grt_program, argc, argv, &options);
    int exit_code;
    if (command == GRT_INFO_COMMAND) {
        exit_code = grt_command_info(&grt_program, &options);
    } else {
        grt_processor_check(&grt_program);
        int n_threads = options.threads > 0 ? (int)options.threads : grt_cores_allowed();
        grt_signal_install();
        exit_code = commands[command](grt_run_create(&grt_program, n_threads), &options);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        grt_die(GRT_EXIT_FILE, "cannot write the results");
    return exit_code;
}
