//! A Slurm of its own: three nodes on this machine, which only it knows. Unpacked by `setup.sh`; nothing in the system changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{PATIENCE, ServerProcess, cached, free_port, poll};

/// The nodes.
pub const NODES: [&str; 3] = ["ferry1", "ferry2", "ferry3"];

/// A Slurm. Ended when dropped.
pub struct Slurm {
    tree: PathBuf,
    daemons: Vec<ServerProcess>,
    /// Goes after those who write in it.
    root: TempDir,
}

impl Slurm {
    /// Starts it, and returns when all nodes are idle.
    pub fn start() -> Slurm {
        let root = tempfile::tempdir().expect("a directory for Slurm");
        // Its daemons want to be the only ones who write there, and to be found by others.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("rights");
        let mut slurm = Slurm { tree: cached("slurm"), daemons: Vec::new(), root };
        slurm.write_settings();
        slurm.daemon("usr/sbin/munged", &slurm.munge_options());
        let settings = slurm.settings().display().to_string();
        slurm.daemon("usr/sbin/slurmctld-wlm", &["-D", "-i", "-f", &settings].map(str::to_owned));
        let stepd = slurm.tree.join("usr/sbin/slurmstepd-wlm").display().to_string();
        for node in NODES {
            slurm.daemon("usr/sbin/slurmd-wlm", &["-D", "-f", &settings, "-N", node, "-d", &stepd].map(str::to_owned));
        }
        let idle =
            poll(PATIENCE, || (slurm.told("sinfo", &["-h", "-t", "idle", "-o", "%D"]).trim() == "3").then_some(()));
        assert!(idle.is_some(), "Slurm does not start: {}", slurm.logs());
        slurm
    }

    fn munge_options(&self) -> Vec<String> {
        let file = |name: &str| self.root.path().join(name).display().to_string();
        let options = [("key-file", "munge.key"), ("socket", "munge.socket"), ("pid-file", "munged.pid")];
        let options = options.into_iter().chain([("log-file", "munged.log"), ("seed-file", "munged.seed")]);
        let options = options.map(|(option, name)| format!("--{option}={}", file(name)));
        // It dislikes the rights of the temporary directory.
        ["--foreground".to_owned(), "--force".to_owned(), "--num-threads=2".to_owned()]
            .into_iter()
            .chain(options)
            .collect()
    }

    fn write_settings(&self) {
        let root = self.root.path();
        for name in ["ctld"].iter().chain(&NODES) {
            fs::create_dir(root.join(name)).expect("a directory of Slurm");
        }
        let mut key = vec![0; 1024];
        std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").expect("chance"), &mut key).expect("a key");
        fs::write(root.join("munge.key"), key).expect("the key");
        fs::set_permissions(root.join("munge.key"), fs::Permissions::from_mode(0o600)).expect("rights");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("the name of the machine");
        let host = host.trim().split('.').next().unwrap_or_default().to_owned();
        let user = Command::new("id").arg("-un").output().expect("id").stdout;
        let (root, user) = (root.display(), String::from_utf8_lossy(&user).trim().to_owned());
        let nodes = NODES.map(|node| {
            format!(
                "NodeName={node} NodeHostName={host} NodeAddr=127.0.0.1 Port={} CPUs=2 RealMemory=1000\n",
                free_port()
            )
        });
        let settings = format!(
            "ClusterName=ferry\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser={user}\nSlurmdUser={user}\nSlurmctldPort={port}\n\
             PluginDir={plugins}\nAuthType=auth/munge\nCryptoType=crypto/munge\nAuthInfo=socket={root}/munge.socket,cred_expire=5\n\
             StateSaveLocation={root}/ctld\nSlurmctldPidFile={root}/slurmctld.pid\nSlurmctldLogFile={root}/slurmctld.log\n\
             SlurmdSpoolDir={root}/%n\nSlurmdPidFile={root}/%n.pid\nSlurmdLogFile={root}/%n.log\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nSlurmdParameters=config_overrides\nMpiDefault=none\n\
             SwitchType=switch/none\nReturnToService=2\nJobRequeue=1\nSchedulerType=sched/builtin\n\
             SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0\nSlurmctldTimeout=30\n\
             SlurmdTimeout=60\nKillWait=2\nMinJobAge=300\nJobCompType=jobcomp/filetxt\nJobCompLoc={root}/completed.txt\n\
             AccountingStorageType=accounting_storage/none\n{nodes}PartitionName=main Nodes=ferry[1-3] Default=YES MaxTime=INFINITE State=UP\n",
            port = free_port(),
            plugins = self.libraries().join("slurm-wlm").display(),
            nodes = nodes.concat(),
        );
        fs::write(self.settings(), settings).expect("the settings of Slurm");
    }

    fn libraries(&self) -> PathBuf {
        self.tree.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH))
    }

    fn settings(&self) -> PathBuf {
        self.root.path().join("slurm.conf")
    }

    /// What its programs, and the tasks that call them, need in their environment.
    pub fn variables(&self) -> [(&'static str, String); 3] {
        let (libraries, programs) = (self.libraries(), self.tree.join("usr/bin"));
        let path = std::env::var("PATH").unwrap_or_default();
        [
            ("SLURM_CONF", self.settings().display().to_string()),
            ("LD_LIBRARY_PATH", format!("{0}:{0}/slurm-wlm", libraries.display())),
            ("PATH", format!("{}:{path}", programs.display())),
        ]
    }

    fn daemon(&mut self, program: &str, options: &[String]) {
        let mut command = Command::new(self.tree.join(program));
        command.args(options).envs(self.variables());
        let log = self.root.path().join("daemons.log");
        self.daemons.push(ServerProcess::spawn(command, &log, self.root.path()));
    }

    /// What one of its programs prints; nothing where it fails.
    pub fn told(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(self.tree.join("usr/bin").join(program));
        let output = command.args(arguments).envs(self.variables()).output().expect("a program of Slurm");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Submits a script in that directory, with further variables; gives the number of the job.
    pub fn submit(&self, directory: &Path, arguments: &[&str], variables: &[(&str, String)]) -> String {
        let mut command = Command::new(self.tree.join("usr/bin/sbatch"));
        command.arg("--parsable").args(arguments).current_dir(directory).envs(self.variables());
        let output = command.envs(variables.iter().map(|(name, value)| (name, value))).output().expect("sbatch");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Waits until nothing is queued any more, and gives a line for each end of each task: its number, its state, and its exit code.
    pub fn ended(&self) -> Vec<(u32, String, String)> {
        let idle = poll(PATIENCE, || self.told("squeue", &["-h"]).trim().is_empty().then_some(()));
        assert!(idle.is_some(), "tasks go on: {}\n{}", self.told("squeue", &[]), self.logs());
        let completed = fs::read_to_string(self.root.path().join("completed.txt")).expect("what was completed");
        let field = |line: &str, name: &str| {
            let words = line.split_whitespace();
            words.filter_map(|word| word.strip_prefix(&format!("{name}="))).next_back().unwrap_or_default().to_owned()
        };
        let of = |line: &str| {
            (field(line, "ArrayTaskId").parse().unwrap_or(0), field(line, "JobState"), field(line, "ExitCode"))
        };
        completed.lines().map(of).collect()
    }

    fn logs(&self) -> String {
        let logs = ["daemons.log", "slurmctld.log", "ferry1.log", "ferry2.log", "ferry3.log"];
        logs.map(|log| fs::read_to_string(self.root.path().join(log)).unwrap_or_default()).join("\n")
    }
}
