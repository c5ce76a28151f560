package expr
import ("testing";"time")
func TestZZ(t *testing.T){
 c:=compiler(t)
 for _,e:=range []string{
 `lists.range(100).all(i, (params.long.split('')+params.long.split('')).all(c, size(c) == 1))`,
 `lists.range(100).all(i, params.long.split('').all(c, size(c) == 1))`,
 `lists.range(100).all(i, params.long.split('').all(c, true))`,
 `lists.range(1000).all(i, lists.range(1000).all(c, [c] == [c]))`,
 `lists.range(1000).all(i, lists.range(1000).all(c, size(string(c)) > 0))`,
 } {
 tpl,err:=c.Compile([]byte(`"${`+e+`}"`),order); if err!=nil {t.Fatal(err)}
 st:=time.Now(); _,err=tpl.Render(long)
 t.Log(e,time.Since(st),err)
 }
}
