//! Tokens to a tree: precedence climbing, with a cap on depth and on size.

use super::{
    Comparison, DEPTH_MAX, Expression, Fact, Node, Operator, ParseError, SIZE_MAX, Value,
    functions::Function,
    lexer::{Lexer, Token},
};

/// Parses one expression and leaves what follows it.
pub(crate) fn parse(lexer: &mut Lexer<'_>) -> Result<Expression, ParseError> {
    Parser { lexer, depth: 0, size: 0 }.binary(Level::Or).map(Expression::of)
}

/// Parses the arguments of a filter, from its opening bracket to its closing one.
pub(crate) fn parse_arguments(lexer: &mut Lexer<'_>) -> Result<Vec<Expression>, ParseError> {
    let arguments = Parser { lexer, depth: 0, size: 0 }.arguments()?;
    Ok(arguments.into_iter().map(Expression::of).collect())
}

/// How tightly an operator binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Compare,
    Sum,
    Product,
    /// A single operand.
    Operand,
}

struct Parser<'l, 's> {
    lexer: &'l mut Lexer<'s>,
    depth: usize,
    size: usize,
}

/// What joins two operands.
#[derive(Debug, Clone, Copy)]
enum Join {
    Or,
    And,
    Compare(Comparison),
    In,
    Text,
    Calculate(Operator),
}

impl Parser<'_, '_> {
    /// Operands joined by operators that bind at least as tightly as `level`.
    fn binary(&mut self, level: Level) -> Result<Node, ParseError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.lexer.error(&format!("nested deeper than {DEPTH_MAX}")));
        }
        let mut left = self.operand(level)?;
        while let Some((join, binds)) = self.join() {
            if binds < level {
                break;
            }
            self.lexer.take()?;
            let right = self.binary(tighter(binds))?;
            left = self.joined(join, left, right)?;
            if binds == Level::Compare && matches!(self.join(), Some((_, Level::Compare))) {
                return Err(self.lexer.error("comparisons cannot be chained; write `a < b and b < c`"));
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `not x` stands where a comparison may; below that it needs brackets.
    fn operand(&mut self, level: Level) -> Result<Node, ParseError> {
        if self.at_word("not") {
            if level > Level::Not {
                return Err(self.lexer.error("`not` needs brackets here"));
            }
            self.lexer.take()?;
            let inner = self.binary(Level::Not)?;
            return self.counted(Node::Not(Box::new(inner)));
        }
        self.unary()
    }

    fn unary(&mut self) -> Result<Node, ParseError> {
        if !self.lexer.take_sign("-")? {
            return self.primary();
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.lexer.error(&format!("nested deeper than {DEPTH_MAX}")));
        }
        let inner = self.unary()?;
        self.depth -= 1;
        self.counted(Node::Negate(Box::new(inner)))
    }

    /// A value and what is taken out of it: `.name`, `[0]`.
    fn primary(&mut self) -> Result<Node, ParseError> {
        let mut node = self.simple()?;
        loop {
            if self.lexer.take_sign("[")? {
                let key = self.binary(Level::Or)?;
                self.lexer.expect("]")?;
                node = self.counted(Node::Index(Box::new(node), Box::new(key)))?;
            } else if self.lexer.take_sign(".")? {
                let expected = self.lexer.error("expected a name");
                let Token::Word(word) = self.lexer.take()? else { return Err(expected) };
                node = self.members(node, &word)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// Takes the fields that a word names, one after the other.
    fn members(&mut self, mut node: Node, word: &str) -> Result<Node, ParseError> {
        for name in word.split('.') {
            if name.is_empty() {
                return Err(self.lexer.error("expected a name"));
            }
            node = self.counted(Node::Member(Box::new(node), name.into()))?;
        }
        Ok(node)
    }

    fn simple(&mut self) -> Result<Node, ParseError> {
        if self.lexer.take_sign("[")? {
            let items = self.items("]")?;
            return self.counted(Node::List(items));
        }
        if self.lexer.take_sign("(")? {
            let inner = self.binary(Level::Or)?;
            self.lexer.expect(")")?;
            return Ok(inner);
        }
        match self.lexer.peek().clone() {
            Token::Number(number) => self.literal(Value::Number(number)),
            Token::Text(text) => self.literal(Value::text(text)),
            Token::Word(word) => self.word(&word),
            Token::Sign(sign) => Err(self.lexer.error(&format!("expected a value, found `{sign}`"))),
            Token::End => Err(self.lexer.error("expected a value")),
        }
    }

    fn literal(&mut self, value: Value) -> Result<Node, ParseError> {
        self.lexer.take()?;
        self.counted(Node::Literal(value))
    }

    fn word(&mut self, word: &str) -> Result<Node, ParseError> {
        if word == "secret" || word.starts_with("secret.") {
            let message = "a secret stands alone in its tag, in headers and bodies of calls of services only";
            return Err(self.lexer.error(message));
        }
        match word {
            "true" => return self.literal(Value::Bool(true)),
            "false" => return self.literal(Value::Bool(false)),
            "null" => return self.literal(Value::Null),
            "and" | "or" | "in" => {
                return Err(self.lexer.error(&format!("expected a value, found `{word}`")));
            }
            _ => {}
        }
        let unknown = self.lexer.error(&format!("`{word}` is not known"));
        self.lexer.take()?;
        if self.lexer.at("(") {
            return if word == "if" {
                self.choice()
            } else {
                self.call(Function::parse(word).ok_or(unknown)?)
            };
        }
        if let Some((fact, rest)) = Fact::parse(word) {
            let node = self.counted(Node::Fact(fact))?;
            return if rest.is_empty() { Ok(node) } else { self.members(node, rest) };
        }
        let (name, rest) = word.split_once('.').map_or((word, None), |(name, rest)| (name, Some(rest)));
        if super::is_reserved(name) {
            return Err(unknown);
        }
        let node = self.counted(Node::Variable(name.into()))?;
        match rest {
            Some(rest) => self.members(node, rest),
            None => Ok(node),
        }
    }

    fn choice(&mut self) -> Result<Node, ParseError> {
        let parts = <[Node; 3]>::try_from(self.arguments()?);
        let parts = parts.map_err(|_| self.lexer.error("`if` takes 3 arguments"))?;
        self.counted(Node::If(Box::new(parts)))
    }

    fn call(&mut self, function: Function) -> Result<Node, ParseError> {
        let arguments = self.arguments()?;
        function.check(arguments.len()).map_err(|message| self.lexer.error(&message))?;
        for argument in &arguments {
            if let Node::Literal(Value::Text(text)) = argument
                && let Err(message) = function.check_literal(text)
            {
                return Err(self.lexer.error(&message));
            }
        }
        self.counted(Node::Call(function, arguments))
    }

    fn arguments(&mut self) -> Result<Vec<Node>, ParseError> {
        self.lexer.expect("(")?;
        self.items(")")
    }

    /// Values between commas, and the sign that closes them.
    fn items(&mut self, close: &'static str) -> Result<Vec<Node>, ParseError> {
        let mut items = Vec::new();
        while !self.lexer.at(close) {
            items.push(self.binary(Level::Or)?);
            if !self.lexer.take_sign(",")? {
                break;
            }
        }
        self.lexer.expect(close)?;
        Ok(items)
    }

    /// The operator ahead, if there is one.
    fn join(&self) -> Option<(Join, Level)> {
        let compare = |comparison| Some((Join::Compare(comparison), Level::Compare));
        match self.lexer.peek() {
            Token::Word(word) if word == "or" => Some((Join::Or, Level::Or)),
            Token::Word(word) if word == "and" => Some((Join::And, Level::And)),
            Token::Word(word) if word == "in" => Some((Join::In, Level::Compare)),
            Token::Sign("==") => compare(Comparison::Equal),
            Token::Sign("!=") => compare(Comparison::Unequal),
            Token::Sign("<") => compare(Comparison::Less),
            Token::Sign("<=") => compare(Comparison::LessOrEqual),
            Token::Sign(">") => compare(Comparison::Greater),
            Token::Sign(">=") => compare(Comparison::GreaterOrEqual),
            Token::Sign("+") => Some((Join::Calculate(Operator::Plus), Level::Sum)),
            Token::Sign("-") => Some((Join::Calculate(Operator::Minus), Level::Sum)),
            Token::Sign("~") => Some((Join::Text, Level::Sum)),
            Token::Sign("*") => Some((Join::Calculate(Operator::Times), Level::Product)),
            Token::Sign("/") => Some((Join::Calculate(Operator::Divide), Level::Product)),
            Token::Sign("%") => Some((Join::Calculate(Operator::Remainder), Level::Product)),
            _ => None,
        }
    }

    fn joined(&mut self, join: Join, left: Node, right: Node) -> Result<Node, ParseError> {
        let (left, right) = (Box::new(left), Box::new(right));
        self.counted(match join {
            Join::Or => Node::Or(left, right),
            Join::And => Node::And(left, right),
            Join::Compare(comparison) => Node::Compare(comparison, left, right),
            Join::In => Node::In(left, right),
            Join::Text => Node::Join(left, right),
            Join::Calculate(operator) => Node::Calculate(operator, left, right),
        })
    }

    fn counted(&mut self, node: Node) -> Result<Node, ParseError> {
        self.size += 1;
        if self.size > SIZE_MAX {
            return Err(self.lexer.error(&format!("more than {SIZE_MAX} operations")));
        }
        Ok(node)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.lexer.peek(), Token::Word(ahead) if ahead == word)
    }
}

/// The level of an operator's right side: one tighter, so that `a - b - c` is `(a - b) - c`.
fn tighter(level: Level) -> Level {
    match level {
        Level::Or => Level::And,
        Level::And => Level::Not,
        Level::Not => Level::Compare,
        Level::Compare => Level::Sum,
        Level::Sum => Level::Product,
        Level::Product | Level::Operand => Level::Operand,
    }
}
