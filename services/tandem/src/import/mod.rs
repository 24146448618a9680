//! `tandem import-customers`: records of another system become customers.
//!
//! [`reader`] reads files and [`mapping`] says which column is what, both without a suite; the file is read twice, so that
//! columns are known before the first record is sent, and never held in memory.

mod lines;
mod mapping;
mod reader;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use tandem_access::Role;
use tandem_ambient::Ambient;
use tandem_proto::customer::v1::{
    AttributeDefinition, AttributeType, CreateAttributeDefinitionRequest, ImportCustomersRequest,
    ImportRecord, ListAttributeDefinitionsRequest,
};

use self::mapping::{Mapping, plain};
use self::reader::Lines;
use self::report::{Errors, Report};
use crate::connection::{Connection, SuiteArgs};
use crate::exit::Refused;
use crate::gateway::{Caller, Gateway, request, retried};
use crate::progress::Progress;

/// Records of one call.
const BATCH: usize = 200;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tandem import-customers --dry-run customers.csv
  tandem import-customers customers.csv --phone-region IL
  tandem import-customers crm.jsonl.gz --map crmId=external_id --map plan=attributes.plan --ignore notes
  tandem import-customers customers.jsonl --create-attributes

CSV with a header (parted by commas, semicolons or tabs) or a JSON object a line, gzip or plain. Columns are known by name:
external_id (customer_id, id), display_name (name, first_name and last_name), phones (phone, mobile), emails (email), language,
time_zone, company, category, tags; any other must be the key of an attribute. Several phones, e-mails or tags in one cell are
parted by semicolons or commas.
A record is known again by its external id, so an import that was stopped is run again, and one that is through changes
nothing. What people corrected since the last import stands. Lines that are refused are told in a file, with the line, the
field and the problem; all others go in. Ends with exit code 1 when a line was refused.")]
pub struct ImportArgs {
    /// The file
    file: PathBuf,

    /// Say what would become of the file, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Where a column goes: a field by its name, or `attributes.KEY`
    #[arg(long = "map", value_name = "COLUMN=FIELD", value_parser = pair)]
    maps: Vec<(String, String)>,

    /// Leave a column out
    #[arg(long = "ignore", value_name = "COLUMN")]
    ignored: Vec<String>,

    /// Leave out every column that goes nowhere
    #[arg(long, conflicts_with = "create_attributes")]
    ignore_unknown: bool,

    /// Define an attribute of text for every column that goes nowhere
    #[arg(long)]
    create_attributes: bool,

    /// The country of national phone numbers, such as IL; without it numbers must begin with + or 00
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    phone_region: String,

    /// Where refused lines are told; the file's name with `.errors.csv` when left out
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,

    /// Import with this token of an admin instead of the data folder's
    #[arg(long, env = "TANDEM_TOKEN", hide_env_values = true)]
    token: Option<String>,

    #[command(flatten)]
    suite: SuiteArgs,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (column, field) = text.split_once('=').ok_or("must be COLUMN=FIELD")?;
    Ok((column.to_owned(), field.to_owned()))
}

/// Runs the command.
pub async fn run(args: ImportArgs) -> Result<()> {
    let connection = Connection::load(&args.suite.connection)?;
    let token = args.token.as_deref().map_or_else(|| connection.token(Role::Admin), Ok)?;
    let caller = Gateway::new(&connection)?.caller(token)?;
    let report = import(&caller, &args, &Progress::new()).await?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    if let Some(errors) = report.errors {
        bail!("{} of {} lines were refused: see {}", report.refused, report.records, errors.display());
    }
    Ok(())
}

async fn import(caller: &Caller, args: &ImportArgs, progress: &Progress) -> Result<Report> {
    let begun = Instant::now();
    let (columns, lines) = scan(&args.file)?;
    let mapping = mapping(caller, args, &columns).await?;
    let mut errors = Errors::at(&args.errors.clone().unwrap_or_else(|| beside(&args.file)))?;
    let mut report = Report { dry_run: args.dry_run, ..Report::default() };
    progress.begin(if args.dry_run { "checking" } else { "importing" }, lines);
    let mut batch: Vec<(u64, ImportRecord)> = Vec::with_capacity(BATCH);
    for line in Lines::open(&args.file)? {
        let line = line?;
        match line.read {
            Ok(values) => batch.push((line.number, mapping.record(values))),
            Err(problem) => {
                report.refuse();
                errors.add(line.number, "", &[(String::new(), problem)])?;
                progress.add(1);
            }
        }
        if batch.len() == BATCH {
            send(caller, args, std::mem::take(&mut batch), &mut report, &mut errors).await?;
            progress.add(BATCH);
        }
    }
    if !batch.is_empty() {
        send(caller, args, batch, &mut report, &mut errors).await?;
    }
    progress.end();
    report.errors = errors.finish()?;
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// The columns of a file, and how many lines it has.
fn scan(path: &Path) -> Result<(BTreeSet<String>, usize)> {
    let lines = Lines::open(path)?;
    let mut columns = BTreeSet::new();
    if let Lines::Csv { columns: header, .. } = &lines {
        columns.extend(header.iter().filter(|column| !column.is_empty()).cloned());
    }
    let mut count = 0;
    for line in lines {
        count += 1;
        for (column, _) in line?.read.unwrap_or_default() {
            if !columns.contains(&column) {
                columns.insert(column);
            }
        }
    }
    if count == 0 {
        bail!("{} has no records", path.display());
    }
    Ok((columns, count))
}

async fn mapping(caller: &Caller, args: &ImportArgs, columns: &BTreeSet<String>) -> Result<Mapping> {
    let list = || async {
        caller.attributes().list_attribute_definitions(request(ListAttributeDefinitionsRequest {})).await
    };
    let defined = retried(list).await.map_err(Refused::from)?.definitions;
    let mut keys: BTreeSet<String> = defined.into_iter().map(|definition| definition.key).collect();
    let (mapping, unknown) = Mapping::of(columns, &args.maps, &args.ignored, &keys)?;
    if unknown.is_empty() || args.ignore_unknown {
        return Ok(mapping);
    }
    if !args.create_attributes {
        bail!(
            "these columns go nowhere: {}\nname a field with --map, leave one out with --ignore, all with \
             --ignore-unknown, or define attributes for them with --create-attributes",
            unknown.join(", ")
        );
    }
    if args.dry_run {
        eprintln!("these columns would become attributes: {}", unknown.join(", "));
        return Ok(mapping);
    }
    for column in &unknown {
        let key = plain(column);
        define(caller, column, &key).await?;
        keys.insert(key);
    }
    let (mapping, unknown) = Mapping::of(columns, &args.maps, &args.ignored, &keys)?;
    debug_assert!(unknown.is_empty());
    Ok(mapping)
}

async fn define(caller: &Caller, title: &str, key: &str) -> Result<()> {
    let definition = AttributeDefinition {
        key: key.to_owned(),
        title: title.to_owned(),
        r#type: AttributeType::Text.into(),
        ..AttributeDefinition::default()
    };
    let create = CreateAttributeDefinitionRequest {
        request_id: Ambient::system().id().to_string(),
        definition: Some(definition),
    };
    let call = || async { caller.attributes().create_attribute_definition(request(create.clone())).await };
    retried(call).await.map_err(Refused::from)?;
    Ok(())
}

async fn send(
    caller: &Caller,
    args: &ImportArgs,
    batch: Vec<(u64, ImportRecord)>,
    report: &mut Report,
    errors: &mut Errors,
) -> Result<()> {
    let (numbers, records): (Vec<u64>, Vec<ImportRecord>) = batch.into_iter().unzip();
    let message = ImportCustomersRequest {
        request_id: Ambient::system().id().to_string(),
        records,
        phone_region: args.phone_region.clone(),
        validate_only: args.dry_run,
    };
    let call = || async { caller.imports().import_customers(request(message.clone())).await };
    let answer = retried(call).await.map_err(Refused::from)?;
    for (number, result) in numbers.into_iter().zip(answer.results) {
        let external_id = result.external_id.clone();
        errors.add(number, &external_id, &report.add(result))?;
    }
    Ok(())
}

/// The file of errors beside a file.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".errors.csv");
    name.into()
}
