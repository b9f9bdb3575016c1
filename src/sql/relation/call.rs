//! Binds the values of a call to the parameters of its function, and reads them as what they should be.

use std::path::PathBuf;
use std::str::FromStr;

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr as SqlExpr, FunctionArg, FunctionArgExpr,
};
use serde::de::DeserializeOwned;

use super::{Function, LAYOUT};
use crate::error::nearest_name;
use crate::scan::layout::{EXPECTED_UNIT, PositionOrder, Role, Unit};
use crate::scan::{BadValue, ScanOptions};

/// Holds the values of a call by parameter.
pub struct Call {
    function: &'static Function,
    values: Vec<(&'static str, ScalarValue)>,
    /// Whether all values are texts, as in the options of CREATE EXTERNAL TABLE.
    from_text: bool,
}

impl Call {
    /// Binds the arguments of a call in SQL.
    ///
    /// # Errors
    /// If a parameter is unknown, missing or given twice, or a value is not a constant.
    pub fn bind(
        function: &'static Function,
        args: Vec<FunctionArg>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Self> {
        let mut call = Self::new(function, false);
        let mut named = false;
        for (place, arg) in args.into_iter().enumerate() {
            let (parameter, value) = match arg {
                FunctionArg::Named { name, arg, .. } => {
                    named = true;
                    let name = context.normalize_ident(name);
                    (call.parameter(&name)?, expression(arg, function)?)
                }
                FunctionArg::ExprNamed { name, .. } => {
                    return plan_err!("{}: `{name}` is not a parameter", function.name);
                }
                FunctionArg::Unnamed(arg) => {
                    let value = expression(arg, function)?;
                    call.refuse_equals(&value, context)?;
                    (call.positional(place, named)?, value)
                }
            };
            call.add(parameter, constant(value, parameter, function, context)?)?;
        }
        call.complete()
    }

    /// Binds values that are given as texts, by name.
    ///
    /// # Errors
    /// If a parameter is unknown or missing.
    pub fn of_texts<'a>(
        function: &'static Function,
        texts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let mut call = Self::new(function, true);
        for (name, text) in texts {
            let parameter = call.parameter(name)?;
            call.add(parameter, ScalarValue::from(text))?;
        }
        call.complete()
    }

    fn new(function: &'static Function, from_text: bool) -> Self {
        Self {
            function,
            values: Vec::new(),
            from_text,
        }
    }

    fn add(&mut self, parameter: &'static str, value: ScalarValue) -> Result<()> {
        if self.values.iter().any(|(name, _)| *name == parameter) {
            return plan_err!(
                "{}: parameter `{parameter}` is given twice",
                self.function.name
            );
        }
        self.values.push((parameter, value));
        Ok(())
    }

    fn complete(self) -> Result<Self> {
        let function = self.function;
        let mut required = function.parameters[..function.required].iter();
        match required.find(|name| self.get(name).is_none()) {
            Some(missing) => plan_err!(
                "{}: parameter `{missing}` is missing; {}",
                function.name,
                function.usage()
            ),
            None => Ok(self),
        }
    }

    fn positional(&self, place: usize, named: bool) -> Result<&'static str> {
        let (function, usage) = (self.function.name, self.function.usage());
        if named {
            return plan_err!(
                "{function}: values without a name come before those with one; {usage}"
            );
        }
        match self.function.parameters.get(place) {
            Some(parameter) => Ok(parameter),
            None => plan_err!("{function}: too many values without a name; {usage}"),
        }
    }

    fn parameter(&self, name: &str) -> Result<&'static str> {
        let mut all = self.function.all_parameters();
        all.find(|known| *known == name).ok_or_else(|| {
            let near = nearest_name(name, self.function.all_parameters());
            let near = near
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            let (function, usage) = (self.function.name, self.function.usage());
            DataFusionError::Plan(format!("{function}: no parameter `{name}`; {near}{usage}"))
        })
    }

    /// Refuses `k = 6`, which is a comparison; people mean `k => 6`.
    fn refuse_equals(&self, value: &SqlExpr, context: &dyn RelationPlannerContext) -> Result<()> {
        let SqlExpr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } = value
        else {
            return Ok(());
        };
        let SqlExpr::Identifier(name) = left.as_ref() else {
            return Ok(());
        };
        let name = context.normalize_ident(name.clone());
        plan_err!(
            "{}: write {name} => {right}, not {name} = {right}",
            self.function.name
        )
    }

    /// Returns the value of a parameter; `None` if it is not given, or null.
    pub fn get(&self, parameter: &str) -> Option<&ScalarValue> {
        let mut values = self.values.iter();
        let value = values.find(|(name, _)| *name == parameter);
        value
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// Returns the error of a value that is not what its parameter takes.
    pub fn bad(&self, parameter: &str, expected: &str) -> DataFusionError {
        let function = self.function.name;
        let found = match self.get(parameter) {
            Some(value) if value.data_type().is_string() => format!("'{value}'"),
            Some(value) => value.to_string(),
            None => "NULL".to_string(),
        };
        DataFusionError::Plan(format!(
            "{function}: {parameter} => {found}: expected {expected}"
        ))
    }

    /// Returns a value as another type, if it is that without loss.
    fn cast(&self, parameter: &str, to: &DataType, expected: &str) -> Result<Option<ScalarValue>> {
        let Some(value) = self.get(parameter) else {
            return Ok(None);
        };
        let found = value.data_type();
        let same_kind = match to {
            DataType::Utf8 => found.is_string(),
            _ if self.from_text => true,
            DataType::Boolean => found == DataType::Boolean,
            DataType::Float64 => found.is_numeric(),
            _ => found.is_integer(),
        };
        let cast = value.cast_to(to).ok();
        let cast = cast.filter(|cast| same_kind && !cast.is_null());
        cast.map(Some).ok_or_else(|| self.bad(parameter, expected))
    }

    /// Returns a value that is a text.
    pub fn text(&self, parameter: &str) -> Result<Option<String>> {
        match self.cast(parameter, &DataType::Utf8, "a text in single quotes")? {
            Some(ScalarValue::Utf8(text)) => Ok(text),
            _ => Ok(None),
        }
    }

    /// Returns a value that is a whole number from 0 to 2^64 - 1.
    pub fn number(&self, parameter: &str) -> Result<Option<u64>> {
        match self.cast(parameter, &DataType::UInt64, "a whole number, 0 or more")? {
            Some(ScalarValue::UInt64(number)) => Ok(number),
            _ => Ok(None),
        }
    }

    /// Returns a value that is a whole number and counts something.
    pub fn whole(&self, parameter: &str) -> Result<Option<usize>> {
        let number = self.number(parameter)?.map(usize::try_from).transpose();
        number.map_err(|_| self.bad(parameter, "a smaller number"))
    }

    /// Returns a value that is true or false.
    pub fn truth(&self, parameter: &str) -> Result<Option<bool>> {
        match self.cast(parameter, &DataType::Boolean, "true or false")? {
            Some(ScalarValue::Boolean(truth)) => Ok(truth),
            _ => Ok(None),
        }
    }

    /// Returns a value that is a number.
    pub fn real(&self, parameter: &str) -> Result<Option<f64>> {
        match self.cast(parameter, &DataType::Float64, "a number")? {
            Some(ScalarValue::Float64(real)) => Ok(real),
            _ => Ok(None),
        }
    }

    /// Returns a value that is one of the words that the values of a type go by.
    pub fn word<T: DeserializeOwned>(&self, parameter: &str, words: &[&str]) -> Result<Option<T>> {
        let Some(word) = self.text(parameter)? else {
            return Ok(None);
        };
        let known = words.contains(&word.as_str());
        let value = serde_json::from_value(serde_json::Value::String(word)).ok();
        match value.filter(|_| known) {
            Some(value) => Ok(Some(value)),
            None => Err(self.bad(parameter, &quoted_words(words))),
        }
    }

    /// Returns how the scan is opened: as the session says, except for what the call says.
    ///
    /// # Errors
    /// If a value is not what its parameter takes.
    pub fn scan_options(&self, session: &ScanOptions) -> Result<ScanOptions> {
        let mut options = session.clone();
        let layout = &mut options.layout;
        // Of two members for one role the later one counts.
        layout.roles.extend(self.roles()?);
        if let Some(said) = self.word("measurement", &["amplitude", "intensity"])? {
            layout.measurement = Some(said);
        }
        if let Some(said) = self.text("unit")? {
            let unit = Unit::from_str(&said);
            layout.unit = Some(unit.map_err(|_| self.bad("unit", EXPECTED_UNIT))?);
        }
        if let Some(said) = self.word("pattern_axis", &["first", "last"])? {
            layout.pattern_axis = Some(said);
        }
        if let Some(said) = self.word("unpaired", &["error", "drop"])? {
            layout.unpaired = said;
        }
        if let Some(said) = self.word("probe_axis", &["first", "last"])? {
            layout.probe_axis = Some(said);
        }
        if let Some(said) = self.real("pixel_size")? {
            if !(said.is_finite() && said > 0.0) {
                return Err(self.bad("pixel_size", "a number of metres above 0"));
            }
            layout.pixel_size_m = Some(said);
        }
        if let Some(said) = self.text("position_order")? {
            let order = PositionOrder::from_str(&said);
            let order = order
                .map_err(|_| self.bad("position_order", "an order such as 'yx', 'xy' or 'zyx'"))?;
            layout.position_order = Some(order);
        }
        if let Some(said) = self.text("patterns")? {
            options.patterns = Some(PathBuf::from(said));
        }
        let bad = &mut options.bad_pixels;
        if let Some(said) = self.truth("mask")? {
            bad.mask = said;
        }
        if let Some(said) = self.bad_values()? {
            bad.values = said;
        }
        Ok(options)
    }

    /// Returns a value that is a text with a meaning of its own; a whole number will do where it is one.
    pub fn parsed<T: FromStr<Err = String>>(&self, parameter: &str) -> Result<Option<T>> {
        let Some(value) = self.get(parameter) else {
            return Ok(None);
        };
        let text = text_of(value).unwrap_or_default();
        let parsed = text.parse();
        parsed.map(Some).map_err(|expected: String| {
            self.bad(parameter, expected.trim_start_matches("expected "))
        })
    }

    /// Returns the values that mark a pixel as bad: `bad_values => -1`, `'-1, max'` or `[-1, 65535]`.
    fn bad_values(&self) -> Result<Option<Vec<BadValue>>> {
        let Some(value) = self.get("bad_values") else {
            return Ok(None);
        };
        let texts: Option<Vec<String>> = match value {
            ScalarValue::List(list) if list.len() == 1 => {
                let values = list.value(0);
                let text = |at| text_of(&ScalarValue::try_from_array(&values, at).ok()?);
                (0..values.len()).map(text).collect()
            }
            value => text_of(value).map(|text| text.split(',').map(str::to_string).collect()),
        };
        let values = texts.map(|texts| texts.iter().map(|text| text.parse()).collect());
        match values {
            Some(Ok(values)) => Ok(Some(values)),
            _ => Err(self.bad(
                "bad_values",
                "numbers, 'max', 'nan', 'inf' or '-inf', several as '-1, max' or [-1, 65535]",
            )),
        }
    }

    /// Returns the members by role: `role => 'x=pos_x, y=pos_y'`.
    fn roles(&self) -> Result<Vec<(Role, String)>> {
        let text = self.text("role")?.unwrap_or_default();
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        let role = |part: &str| {
            let (role, member) = part.split_once('=')?;
            Some((Role::from_name(role.trim())?, member.trim().to_string()))
        };
        parts
            .map(|part| {
                role(part).ok_or_else(|| {
                    let roles: Vec<&str> = Role::all().map(Role::name).collect();
                    let expected = format!(
                        "'ROLE=NAME', with commas between several; the roles are {}",
                        roles.join(", ")
                    );
                    self.bad("role", &expected)
                })
            })
            .collect()
    }
}

impl Function {
    /// Returns the names of all parameters: those that have a place, and those that are given by name alone.
    pub fn all_parameters(&self) -> impl Iterator<Item = &'static str> {
        let layout = if self.opens_scan { LAYOUT } else { &[] };
        self.parameters.iter().chain(layout).copied()
    }

    fn usage(&self) -> String {
        let shown = |(place, name): (usize, &&str)| match place < self.required {
            true => format!("{name} => ..."),
            false => format!("[{name} => ...]"),
        };
        let parameters: Vec<String> = self.parameters.iter().enumerate().map(shown).collect();
        let call = format!("it is called as {}({})", self.name, parameters.join(", "));
        match self.opens_scan {
            true => format!(
                "{call}; what the file does not say is given by {}",
                LAYOUT.join(", ")
            ),
            false => call,
        }
    }
}

/// Returns a text as it is, and a number as text.
fn text_of(value: &ScalarValue) -> Option<String> {
    let known = value.data_type().is_string() || value.data_type().is_numeric();
    match value.cast_to(&DataType::Utf8).ok().filter(|_| known) {
        Some(ScalarValue::Utf8(text)) => text,
        _ => None,
    }
}

/// Writes `'a', 'b' or 'c'`.
fn quoted_words(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    crate::error::alternatives(&quoted)
}

fn expression(arg: FunctionArgExpr, function: &Function) -> Result<SqlExpr> {
    match arg {
        FunctionArgExpr::Expr(expr) => Ok(expr),
        other => plan_err!("{}: expected a value, found {other}", function.name),
    }
}

/// Returns the value of an expression without columns.
fn constant(
    expr: SqlExpr,
    parameter: &str,
    function: &Function,
    context: &mut dyn RelationPlannerContext,
) -> Result<ScalarValue> {
    let text = expr.to_string();
    let bad = |problem: &str| {
        let function = function.name;
        DataFusionError::Plan(format!("{function}: {parameter} => {text}: {problem}"))
    };
    // "column" in double quotes is what people write who mean 'text'.
    let expr = context
        .sql_to_expr(expr, &DFSchema::empty())
        .map_err(|_| bad("expected a constant; texts stand in single quotes"))?;
    let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_current_time().build());
    let simplified = simplifier.simplify(expr);
    match simplified.map_err(|e| bad(&super::super::error::plain(&e)))? {
        Expr::Literal(value, _) => Ok(value),
        _ => Err(bad("expected a constant")),
    }
}
