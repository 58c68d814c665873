//! How help looks: the program's first page, what `-h` shows of a command, and what stands below its arguments.

use clap::{Arg, Command};

use super::group;
use crate::commands::foreign_flags;

/// Commands by what people come for, each in one row.
const TASKS: &[(&str, &[&str])] = &[
    ("Talk", &["run", "chat"]),
    ("Serve", &["serve", "ps", "stop"]),
    ("Models", &["pull", "list", "show", "inspect", "metadata", "cp", "rm"]),
    ("Measure", &["doctor", "bench", "eval"]),
    ("Make", &["convert", "quantize", "tokenize", "embed", "dev"]),
    ("Facts", &["kg", "vsa"]),
    ("Itself", &["limits", "completions", "man"]),
];

/// Command lines that a newcomer tries first, each with what it is for.
pub(crate) const EXAMPLES: [(&str, &str); 3] = [
    ("trinity run \"Once upon a time\"", "a story, by the model inside the program"),
    ("trinity run smollm2:135m", "talk to a model; it is downloaded first if you agree"),
    ("trinity serve smollm2:135m", "a chat page, and the APIs that tools speak"),
];

/// What `-h` shows of commands that have more than fits on a screen: the arguments that most people need, by their ids.
/// Of other commands it leaves out what is for research, and what few need.
const SHORT: &[(&str, &[&str])] = &[
    (
        "run",
        &[
            "words",
            "model",
            "file",
            "raw",
            "think",
            "system",
            "temperature",
            "top_k",
            "top_p",
            "seed",
            "max_tokens",
            "threads",
            "context",
        ],
    ),
    (
        "chat",
        &["model", "system", "think", "temperature", "top_k", "top_p", "seed", "max_tokens", "threads", "context"],
    ),
    (
        "serve",
        &[
            "models",
            "alias",
            "keep_alive",
            "max_tokens",
            "host",
            "port",
            "api_key_file",
            "cors_origin",
            "max_running",
            "cache_dir",
            "context",
            "threads",
            "lookup",
            "config",
        ],
    ),
];

/// Arguments that few who load a model need, by their ids.
const RARE: &[&str] = &[
    "no_pin",
    "pack_max",
    "attention_window",
    "sinks",
    "i2s_layout",
    "tl_tables",
    "ternarise_masters",
    "lora",
    "control_vector",
    "control_vector_layer_range",
];

/// What `trinity kg serve -h` shows beside what all of `kg` has.
const KG_SERVE_SHORT: &[&str] = &["name", "kg_write", "host", "port", "api_key_file", "cors_origin"];

/// Whether this is `kg serve`, which has the name of another command and not its models.
fn serves_graphs_alone(command: &Command) -> bool {
    let has = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
    command.get_name() == "serve" && has("kg_write") && !has("models")
}

/// The program's first page: what it is, three examples, and the commands by task.
pub(crate) fn first_page(command: Command) -> Command {
    let width = EXAMPLES.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let examples: String = EXAMPLES.iter().map(|(line, what)| format!("  {line:<width$}  # {what}\n")).collect();
    let about = |name: &str| command.find_subcommand(name).and_then(|c| c.get_about()).map(ToString::to_string);
    let mut tasks = String::new();
    for (task, names) in TASKS {
        let mut task = *task;
        for (name, about) in names.iter().filter_map(|name| Some((*name, about(name)?))) {
            tasks += &format!("{task:<9}{name:<12} {about}\n");
            task = "";
        }
    }
    command.help_template(format!(
        "{{about}}\n\n{examples}\n{{usage-heading}} {{usage}}\n\n{tasks}\n{{options}}\n\n\
         trinity COMMAND -h shows what most people need of a command, trinity help COMMAND everything.\n"
    ))
}

/// A command as its help shows it.
pub(crate) fn of_command(command: Command) -> Command {
    let spelled = spelled_elsewhere(&command);
    let of_name = || SHORT.iter().find(|(name, _)| *name == command.get_name()).map(|(_, ids)| *ids);
    let ids = if serves_graphs_alone(&command) { Some(KG_SERVE_SHORT) } else { of_name() };
    let is_short = |arg: &Arg| {
        let id = arg.get_id().as_str();
        ids.map_or_else(
            || arg.get_help_heading() != Some(group::RESEARCH) && !RARE.contains(&id),
            |ids| ids.contains(&id),
        )
    };
    let n_all = command.get_arguments().filter(|arg| !arg.is_hide_set()).count();
    let has_more = !command.get_arguments().all(is_short);
    let mut order = 0;
    let command = command.mut_subcommands(of_command).mut_args(|arg| {
        order += 1;
        let is_shown = is_short(&arg);
        of_argument(arg, is_shown, order)
    });
    let below = command.get_after_help().map(ToString::to_string);
    let command = match (&below, has_more) {
        (below, true) => {
            let more = format!("--help has all {n_all} arguments, with their environment variables.");
            let short = below.iter().cloned().chain([more]).collect::<Vec<_>>().join("\n\n");
            command.after_help(short)
        }
        (_, false) => command,
    };
    match spelled.or(below).filter(|_| command.get_after_long_help().is_none()) {
        Some(text) => command.after_long_help(text),
        // Else clap would show there what stands below the short one.
        None if has_more && command.get_after_long_help().is_none() => command.after_long_help(""),
        None => command,
    }
}

/// An argument; in short help it has no variable, and is not there if few need it. What stands without a flag comes
/// first in its group.
fn of_argument(arg: Arg, is_short: bool, order: usize) -> Arg {
    let order = if arg.is_positional() { 0 } else { order };
    let arg = arg.hide_short_help(!is_short).display_order(order);
    let Some(variable) = arg.get_env().map(|name| name.to_string_lossy().into_owned()) else { return arg };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    arg.hide_env(true).long_help(format!("{help}\n\nEnvironment variable: {variable}"))
}

/// Names that other programs have for flags of `command`, once for all of them.
fn spelled_elsewhere(command: &Command) -> Option<String> {
    if !foreign_flags::COMMANDS.contains(&command.get_name()) || serves_graphs_alone(command) {
        return None;
    }
    let mut owns: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, own) in foreign_flags::spellings(command) {
        match owns.iter_mut().find(|(known, _)| *known == own) {
            Some((_, names)) => names.push(name),
            None => owns.push((own, vec![name])),
        }
    }
    let list: Vec<String> = owns.iter().map(|(own, names)| format!("{} for {own}", names.join(" "))).collect();
    Some(format!(
        "Names that llama.cpp, Ollama, LM Studio and vLLM have for these are taken, too: {}. Flags of theirs that would change nothing here are \
         named in a line and passed over.",
        list.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// Lines of short help that fit on a screen, and columns of any help.
    const SHORT_LINES_MAX: usize = 40;
    const COLUMNS_MAX: usize = 100;

    /// Every command with those below it, built, under the words that call it.
    fn all() -> Vec<(String, Command)> {
        fn walk(words: &str, command: &Command, into: &mut Vec<(String, Command)>) {
            for below in command.get_subcommands() {
                walk(&format!("{words} {}", below.get_name()), below, into);
            }
            into.push((words.to_owned(), command.clone()));
        }
        let mut program = first_page(Cli::command());
        program.build();
        let mut commands = Vec::new();
        walk("trinity", &program, &mut commands);
        assert!(commands.len() > 25, "{}", commands.len());
        commands
    }

    #[test]
    fn each_argument_of_each_command_is_in_a_group() {
        for (words, command) in all() {
            for arg in command.get_arguments() {
                let heading =
                    arg.get_help_heading().unwrap_or_else(|| panic!("{words}: {} has no group", arg.get_id()));
                assert!(group::ALL.contains(&heading), "{words}: {heading}");
            }
        }
    }

    #[test]
    fn what_people_talk_with_has_the_groups_they_look_for() {
        for (words, command) in all() {
            if !["trinity run", "trinity chat"].contains(&words.as_str()) {
                continue;
            }
            let long = command.clone().render_long_help().to_string();
            let is_heading = |line: &&str| !line.starts_with(' ');
            let headings: Vec<&str> =
                long.lines().filter(is_heading).filter_map(|line| line.strip_suffix(':')).collect();
            let expected =
                [group::PROMPT, group::SAMPLING, group::MACHINE, group::CONTEXT, group::RESEARCH, group::GENERAL];
            assert_eq!(headings, expected, "{words}");
        }
    }

    #[test]
    fn short_help_fits_on_a_screen_and_long_help_has_everything_once() {
        let mut wrong = Vec::new();
        for (words, mut command) in all() {
            let short = command.render_help().to_string();
            let long = command.render_long_help().to_string();
            let n_lines = short.lines().count();
            if n_lines > SHORT_LINES_MAX {
                wrong.push(format!("{words} -h: {n_lines} lines\n{short}"));
            }
            let is_wide = |line: &&str| line.chars().count() > COLUMNS_MAX;
            wrong.extend(short.lines().chain(long.lines()).filter(is_wide).map(|line| format!("{words}: {line}")));
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let Some(name) = arg.get_long() else { continue };
                let spelled = format!("--{name}");
                let has = |line: &str| line.split([' ', ',', '=']).any(|word| word.trim_end_matches("...") == spelled);
                let n = long
                    .lines()
                    .filter(|line| line.starts_with(' ') && line.trim_start().starts_with('-') && has(line))
                    .count();
                if n != 1 {
                    wrong.push(format!("{words} --help: {spelled} stands there {n} times"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn names_that_others_have_stand_in_long_help_once() {
        for (words, mut command) in all() {
            let (short, long) = (command.render_help().to_string(), command.render_long_help().to_string());
            let name = command.get_name().to_owned();
            if words != format!("trinity {name}") || !foreign_flags::COMMANDS.contains(&name.as_str()) {
                continue;
            }
            for (spelled, own) in foreign_flags::spellings(&command) {
                let count = |text: &str| text.split_whitespace().filter(|word| *word == spelled).count();
                assert_eq!((count(&short), count(&long)), (0, 1), "{words}: {spelled} for {own}");
            }
        }
    }

    #[test]
    fn each_command_has_its_task_and_what_short_help_selects_is_there() {
        let program = Cli::command();
        let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        let mut listed: Vec<&str> = TASKS.iter().flat_map(|(_, names)| *names).copied().collect();
        for name in &names {
            assert_eq!(listed.iter().filter(|listed| *listed == name).count(), 1, "{name} has one task");
        }
        listed.retain(|name| !names.contains(name));
        assert_eq!(listed, [""; 0], "no such commands");
        for (name, ids) in SHORT {
            let command = program.find_subcommand(name).unwrap();
            for id in *ids {
                assert!(command.get_arguments().any(|arg| arg.get_id() == id), "{name}: {id}");
            }
        }
    }
}
